"""The peers' tests in which ours differs from theirs, by the reason.

A name without parameters stands for the test with any parameters. The tests in
`DIFFERENT` are run, and must fail.
"""

NET = "test_skorch_net.py::TestNeuralNet"
SCORING = "test_skorch_callbacks_scoring.py"
CALIBRATION = "test_sklearn_calibration.py"
PIPELINE = "test_imblearn_pipeline.py"
THRESHOLDS = "test_sklearn_thresholds.py"

DIFFERENT = {
    # Of the estimator: one logit, two classes, the conventions of scikit-learn.
    "Two outputs of a module are one logit, their difference": [
        f"{NET}::test_forward",
        f"{NET}::test_multioutput_forward",
        f"{NET}::test_change_get_loss",
        f"{SCORING}::TestEpochScoring::test_subclassing_epoch_scoring",
    ],
    "An infer of one's own must give one logit for each sample": [
        f"{NET}::test_custom_optimizer_performs_updates",
    ],
    "A loss of two outputs is refused, or fails if it is a function": [
        f"{NET}::test_criterion_training_set_correctly",
        f"{NET}::test_predict_nonlinearity_none",
        f"{NET}::test_criterion_is_not_a_torch_module",
        f"{NET}::test_predict_nonlinearity_is_identity_with_multiple_criteria",
        # A parameter of such a loss.
        f"{NET}::test_set_params_on_custom_criterion_triggers_reinit_of_optimizer",
    ],
    "A loss for each row (reduction='none') is refused, since training needs one": [
        f"{NET}::test_reinitializing_module_optimizer_message[kwargs3-expected3]",
        f"{NET}::test_set_params_on_custom_criterion_with_default_criterion_params_msg",
    ],
    "A score that nothing records is refused before training, in other words": [
        "test_skorch_callbacks_training.py::TestCheckpoint::"
        "test_default_without_validation_raises_meaningful_error",
        "test_skorch_callbacks_lr_scheduler.py::TestReduceLROnPlateau::"
        "test_reduce_lr_raise_error_when_key_does_not_exist",
    ],
    "A module that ends in a softmax is refused": [
        f"{NET}::test_with_initialized_sequential",
        "test_skorch_helper.py::TestDataFrameTransformer::"
        "test_fit_and_predict_with_pipeline",
    ],
    "A predict_nonlinearity gives two columns of probabilities": [
        f"{NET}::test_predict_nonlinearity_called_with_predict",
        f"{NET}::test_predict_nonlinearity_called_with_predict_proba",
    ],
    "A module or loss given as an instance is copied: fit changes no parameters": [
        f"{NET}::test_modules_reinit_when_both_initialized_but_custom_module_changed",
        f"{NET}::test_criteria_reinit_when_both_initialized_but_custom_criterion_changed",
        f"{NET}::test_custom_module_is_init_when_default_module_already_is",
        f"{NET}::test_custom_criterion_is_init_when_default_criterion_already_is",
    ],
    "Parameters set after fit act from the next fit on: no trained weight is lost": [
        f"{NET}::test_changing_model_reinitializes_optimizer",
    ],
    "A parameter of a callback that is not there is refused by fit, not set_params": [
        f"{NET}::test_setting_callback_to_none_and_more_params_later_raises",
    ],
    "An unknown argument is a TypeError when the object is made": [
        f"{NET}::test_net_init_one_unknown_argument",
        f"{NET}::test_net_init_two_unknown_arguments",
        *(
            f"{NET}::test_net_init_missing_dunder_in_prefix_argument[{given}-{meant}]"
            for given, meant in (
                ("iterator_train_shuffle", "iterator_train__shuffle"),
                ("optimizer_momentum", "optimizer__momentum"),
                ("modulenum_units", "module__num_units"),
                ("criterionreduce", "criterion__reduce"),
            )
        ),
        f"{NET}::test_net_init_missing_dunder_in_2_prefix_arguments",
        f"{NET}::test_net_init_missing_dunder_and_unknown",
        "test_skorch_net.py::TestTorchCompile::"
        "test_compile_missing_dunder_in_prefix_arguments",
    ],
    "The history is no parameter: each fit begins one": [
        f"{NET}::test_initializing_net_with_custom_history",
    ],
    "The representation is scikit-learn's": [
        f"{NET}::test_repr_uninitialized_works",
        f"{NET}::test_repr_initialized_works",
        f"{NET}::test_repr_fitted_works",
    ],
    "A second fit begins anew without saying so, as in scikit-learn": [
        f"{NET}::test_message_fit_with_initialized_net",
    ],
    "A shuffling iterator_valid is refused, where skorch warns": [
        f"{NET}::test_net_init_with_iterator_valid_shuffle_true_warns",
    ],
    "The labels of a Dataset that holds arrays are known without y": [
        f"{NET}::test_fit_with_dataset_stratified_without_explicit_y_raises",
    ],
    "Arrays are taken out of skorch's Dataset and validated": [
        f"{NET}::test_predefined_split",
    ],
    "A net trimmed for prediction keeps its loss, which tells what outputs are": [
        "test_skorch_net.py::TestTrimForPrediction::test_criteria_trimmed",
    ],
    "There are more default callbacks": [
        f"{NET}::test_callback_keeps_order",
    ],
    "Rows lie in tensors, which is what scorers without caching are given": [
        f"{SCORING}::TestEpochScoring::test_without_target_data_works",
        *(
            f"{SCORING}::TestEpochScoring::test_net_input_is_scoring_input[{scoring}]"
            for scoring in ("scoring_cls0", "scoring_cls1")
        ),
    ],
    "One iterator more is made, to ask what share of positives it draws": [
        f"{SCORING}::TestEpochScoring::test_with_caching_get_iterator_not_called",
    ],
    "Predictions are computed in larger batches than training": [
        f"{NET}::test_callback_is_called[on_batch_begin-90]",
        f"{NET}::test_callback_is_called[on_batch_end-90]",
        f"{NET}::test_multioutput_forward_iter",
        f"{NET}::test_batch_count",
        "test_skorch_callbacks_lr_scheduler.py::TestLRCallbacks::"
        "test_lr_callback_batch_steps_correctly_fallback",
        f"{SCORING}::TestEpochScoring::test_target_extractor_is_called[scoring_cls0]",
        f"{SCORING}::TestBatchScoring::test_target_extractor_is_called",
        f"{SCORING}::TestScoringCacheGlobalControl::test_net_overrides_caching",
    ],
    "Samples with one axis are refused by scikit-learn's message": [
        "test_skorch_callbacks_training.py::TestInputShapeSetter::"
        "test_one_dimensional_x_raises",
    ],
    "Labels are of two classes, one for each sample": [
        f"{NET}::test_net_variable_label_lengths",
        f"{NET}::test_net_variable_prediction_lengths",
        "test_skorch_net.py::TestMetadataRouting::"
        "test_undeclared_param_rejected_by_routing",
        "test_skorch_net.py::TestMetadataRouting::"
        "test_pipeline_with_dict_x_and_groups_routing",
        f"{PIPELINE}::test_pipeline_methods_preprocessing_svm",
        f"{PIPELINE}::test_pipeline_score_samples_pca_lof_multiclass",
        f"{CALIBRATION}::test_calibration_multiclass",
        f"{CALIBRATION}::test_calibration_less_classes",
        *(
            f"{CALIBRATION}::test_temperature_scaling[{ensemble}-{n_classes}]"
            for ensemble in (True, False)
            for n_classes in (3, 5)
        ),
    ],
    "The numbers expected are those of a regression on other targets": [
        "test_skorch_callbacks_logging.py::TestPrintLog::test_lines",
        "test_skorch_callbacks_training.py::TestTrainEndCheckpoint::"
        "test_train_end_with_load_init",
        f"{SCORING}::TestEpochScoring::test_correct_valid_score",
        f"{SCORING}::TestEpochScoring::test_correct_train_score",
        f"{SCORING}::TestEpochScoring::test_with_accuracy_score",
        f"{SCORING}::TestEpochScoring::test_with_make_scorer_accuracy_score",
        f"{SCORING}::TestEpochScoring::test_with_callable_accuracy_score",
        f"{SCORING}::TestBatchScoring::test_correct_train_loss_values",
        f"{SCORING}::TestBatchScoring::test_correct_valid_loss_values",
        f"{SCORING}::TestBatchScoring::test_correct_mse_values_for_batches",
        f"{SCORING}::TestBatchScoring::test_with_accuracy_score",
        f"{SCORING}::TestBatchScoring::test_with_make_scorer_accuracy_score",
        f"{SCORING}::TestBatchScoring::test_with_callable_accuracy_score",
    ],
    "A network for swapped labels does not give the mirrored probabilities": [
        *(
            f"{CALIBRATION}::test_calibration[{ensemble}-sigmoid-{container}]"
            for ensemble in (True, False)
            for container in ("csr_matrix", "csr_array")
        ),
    ],
    "The test is about a parameter or the class of a classifier of scikit-learn's": [
        f"{CALIBRATION}::test_calibration_default_estimator",
        f"{PIPELINE}::test_pipeline_init",
    ],
    "Few rows do not make probabilities better that are good already": [
        f"{CALIBRATION}::test_calibration_frozen",
    ],
    "Twenty epochs do not end where the loss is least, as a logistic regression does": [
        f"{CALIBRATION}::test_temperature_scaling[False-2]",
    ],
    "A network does not know its training rows by heart, as a tree does": [
        f"{THRESHOLDS}::test_fit_and_score_over_thresholds_prefit",
    ],
}

NOT_RUN = {
    "skorch's wheel does not hold the file that it reads": [
        f"{NET}::test_load_cuda_params_to_cpu",
        f"{NET}::test_pickle_load",
    ],
    "Its fixture has a loss that is not of logits and two outputs": [
        f"{NET}::test_save_load_state_dict_file_with_history_optimizer_criterion",
        f"{NET}::test_criterion_params_passed_to_optimizer_if_any",
    ],
    "Its fixture has samples of one class": [
        f"{SCORING}::TestPassthrougScoring::test_correct_train_pass_through_scores",
        f"{SCORING}::TestPassthrougScoring::test_correct_valid_pass_through_scores",
    ],
    "It trains in processes that know skorch's class alone": [
        "test_skorch_history.py::TestDistributedHistoryMultiprocessing::"
        "test_distributed_history",
    ],
}
